/** The entry: asks for the first data, then loads the page. */

import { sendEarly } from './early'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/ui.css'
import './styles/charts.css'
import './styles/pages.css'
import './styles/artifacts.css'
import './styles/media.css'

sendEarly(window.location)
void import('./app')
